# A script of SITE signs in by examples/front-ends/countersign.sh: sh front_ends.sh URL KEY FILES SITE NAME FLOW
# FILES is its directory. Prints the version of cast.
set -eu
URL=$1 KEY=$2 FILES=$3 SITE=$4 FLOW=$6
PATH="$FILES/node_modules/.bin:$PATH"
. "$FILES/countersign.sh"

STATEMENT='"statement":"Welcome, and read (all of) it first."'
enter() { sign_in '"chainId":1' '"domain":"'"${SITE#*://}"'"' '"uri":"'"$SITE"'"' "$STATEMENT"; }
refused() { if SAID=$("$@" 2>&1); then echo "not refused: $SAID"; exit 1; fi; }

case $FLOW in
session)
    enter
    call GET "/users/$ADDRESS/data" | grep -q '"userAddress":"'"$ADDRESS"'"'
    ENDED=$TOKEN
    sign_out
    TOKEN=$ENDED
    refused call GET "/users/$ADDRESS/data"
    echo "$SAID" | grep -q '"error":"session_ended"'
    ;;
elsewhere)
    refused enter
    echo "$SAID" | grep -q '"error":"domain_not_allowed"'
    ;;
*)
    exit 2
    ;;
esac
cast --version | sed -n 's/^cast Version: \([0-9.]*\).*/\1/p'
