"""Runs a program on a terminal of its own and types passwords: python prompt.py PASSWORDS PROGRAM [ARGUMENT …]

PASSWORDS are lines; each is typed when the program asks for a password once more.

The program's standard output is no terminal, as in `token=$(…)`. Prints it, and the screen to standard error.
"""

import os
import pty
import sys
import termios
import time

passwords, *command = sys.argv[1:]
passwords = passwords.split("\n")
reading, writing = os.pipe()
child, terminal = pty.fork()
if child == 0:
    os.dup2(writing, 1)
    os.execv(command[0], command)
os.close(writing)

screen = b""
typed = 0
while True:
    try:
        chunk = os.read(terminal, 1024)
    except OSError:  # Linux says so when the last program of the terminal has ended
        chunk = b""
    if not chunk:
        break
    screen += chunk
    if typed < len(passwords) and screen.count(b"assword") > typed:
        # A person is slower than the program, which asks before it turns the echo off.
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.01)
        os.write(terminal, passwords[typed].encode() + b"\n")
        typed += 1

with open(reading, encoding="utf-8") as output:
    sys.stdout.write(output.read())
sys.stderr.write(screen.decode().replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
