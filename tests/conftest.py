pytest_plugins = ["tests.raw_clips"]
