"""stub."""
def write_study(s):
    class S:
        def to_json(self): return {}
        def in_words(self): return "done"
    return S()
