def pytest_configure(config):
    config.addinivalue_line("markers", "compose: builds and starts the containers; needs an engine (minutes)")
