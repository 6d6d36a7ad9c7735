package wire

// ResultsAny matches every result subject.
func ResultsAny() string { return resultsPrefix + ">" }
