import hypothesis

# machines differ in speed and a gate must not flake: no deadlines, the same examples each time
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True)
hypothesis.settings.load_profile("gate")
