# Sign-in with curl and Foundry's cast, for scripts: read this file by `.`, with URL and KEY set.
#
#   URL=https://sign-in.example KEY=0x…
#   . ./countersign.sh
#   sign_in && call GET "/users/$ADDRESS/data" && sign_out
#
# A keystore is better than KEY: set CAST='--account NAME --password-file FILE', which cast then takes instead.

CAST=${CAST:---private-key $KEY}

# Sets ADDRESS and TOKEN. The arguments go into what is asked for: sign_in '"chainId":10' '"statement":"Hello."'
sign_in() {
    ADDRESS=$(cast wallet address $CAST) || return
    _wishes=$(printf ',%s' '"address":"'"$ADDRESS"'"' "$@")
    _answer=$(_send POST /users/nonce "{${_wishes#,}}") || return
    # As JSON spells it: nothing but its line feeds has to be spelled otherwise.
    _message=$(_field message)
    _signature=$(cast wallet sign $CAST "$(printf '%b' "$_message")") || return
    _answer=$(_send POST /users/authenticate '{"message":"'"$_message"'","signature":"'"$_signature"'"}') || return
    TOKEN=$(_field token)
}

# call METHOD PATH [JSON] prints the answer.
call() {
    _send "$1" "$2" "${3:-}" -H "x-auth-token: $TOKEN"
}

sign_out() {
    call POST /users/logout && TOKEN=
}

# Prints the answer; one that is not a success goes to stderr.
_send() {
    _method=$1 _path=$2 _body=$3
    shift 3
    [ -z "$_body" ] || set -- "$@" -H 'content-type: application/json' --data "$_body"
    _text=$(curl -sS --fail-with-body -X "$_method" "$URL$_path" "$@") && printf '%s\n' "$_text" && return
    printf '%s\n' "$_text" >&2
    return 1
}

_field() {
    printf '%s' "$_answer" | sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'
}
