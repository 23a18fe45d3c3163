// Prints what a sign-in answers: node sign_in.mjs URL KEY
import { signIn } from './client.mjs'

console.log(JSON.stringify(await signIn()))
