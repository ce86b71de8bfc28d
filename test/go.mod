module chordconductor/test

go 1.26.0
