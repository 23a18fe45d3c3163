// The token of the link is in the fragment. It is taken out of the address bar at once, so that it stays neither there
// nor in the history, and is sent once, by the button.
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
history.replaceState(null, '', location.pathname)

const form = document.getElementById('form')
const outcome = document.getElementById('outcome')
const button = form.querySelector('button')

function tell(text, failed) {
  outcome.textContent = text
  outcome.className = failed ? 'failed' : 'done'
}

function finish(text, failed) {
  form.hidden = true
  tell(text, failed)
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
  tell(rules || problem.detail || 'Something went wrong. Try again shortly.', true)
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const password = document.getElementById('password')
  if (password && password.value !== document.getElementById('again').value) {
    return tell('The two passwords are not the same.', true)
  }
  button.disabled = true
  try {
    await send(password ? { token, new_password: password.value } : { token })
  } catch {
    tell('The server can’t be reached. Check your connection and try again.', true)
  } finally {
    button.disabled = false
  }
})

if (!token) finish('This page is opened by the link in a mail. Open it from there, whole.', true)
