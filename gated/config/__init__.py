"""Files to frozen settings. An unknown key, a wrong unit or an unreadable key is an error with a remedy."""
