"""What people are told, in their languages: a reason and its parameters become a sentence."""
