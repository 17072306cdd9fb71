import signal

pytest_plugins = ["tests.raw_clips", "tests.tiny_runs"]

# A shell has what it starts in the background ignore these, and so would all commands that tests start and interrupt.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
