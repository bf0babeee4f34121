"""What a child of ``store.child`` is, and nothing else: it lowers itself, tells so, and waits to be ended."""

from gated.store.child import Parent, lower


def main() -> None:
    lower()
    parent = Parent()
    parent.tell(lowered=True)
    parent.look(parent.job["wait_s"])


if __name__ == "__main__":
    main()
