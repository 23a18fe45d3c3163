// The token of the link is in the fragment. It is taken out of the address bar at once, so that it stays neither there
// nor in the history, and is sent once, by the button.
const form = document.getElementById('form')
const outcome = document.getElementById('outcome')
const password = document.getElementById('password')
const again = document.getElementById('again')
let token = ''
let sending = false

function open() {
  token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
  history.replaceState(null, '', location.pathname)
  form.reset()
  form.hidden = false
  tell('', false)
  if (!token) finish('This page is opened by the link in a mail. Open it from there, whole.', true)
}

function tell(text, failed) {
  outcome.textContent = text
  outcome.className = failed ? 'failed' : 'done'
}

// What had the focus goes with the form, so the outcome takes it: a screen reader goes on from there.
function finish(text, failed) {
  form.reset()
  form.hidden = true
  tell(text, failed)
  outcome.focus()
}

function blame(field, text) {
  field?.setAttribute('aria-invalid', 'true')
  field?.focus()
  tell(text, true)
}

async function send(body) {
  const answer = await fetch(form.dataset.to, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    credentials: 'omit',
    body: JSON.stringify(body),
  })
  if (answer.ok) return finish(form.dataset.done, false)
  const problem = await answer.json().catch(() => ({}))
  if (problem.error === 'invalid_link') {
    return finish('This link is not good any more: it was used, or it is too old. Ask for a new one.', true)
  }
  const rules = (problem.violations ?? []).map((violation) => violation.message).join('; ')
  if (rules) return blame(password, `${rules[0].toUpperCase()}${rules.slice(1)}.`)
  tell(problem.detail || 'Something went wrong. Try again shortly.', true)
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  // The button is not disabled meanwhile: it would lose the focus.
  if (sending) return
  for (const field of [password, again]) field?.removeAttribute('aria-invalid')
  if (password && password.value !== again.value) return blame(again, 'The two passwords are not the same.')
  sending = true
  tell('', false)
  try {
    await send(password ? { token, new_password: password.value } : { token })
  } catch {
    tell('The server can’t be reached. Check your connection and try again.', true)
  } finally {
    sending = false
  }
})

// A link that is opened where the page is open already changes the fragment alone.
addEventListener('hashchange', open)
open()
