// Command mutants changes the program in one place at a time, and counts how many of the changes a test notices.
// Mutants are drawn with a seed from all statements of a suite's packages (negated conditions, dropped statements,
// constants and comparisons off by one, swapped arguments, branches and operators, stale copies), beside named ones
// that break a rule on purpose. Nothing in the tree is edited: each mutant is a file that `go test -overlay` puts in
// another's place.
//
//	cd test && go run ./mutants                        # 100 drawn and all named mutants of the key-value ring
//	cd test && go run ./mutants -n 20 -seed 7 -stages 1  # only the packages' own tests
//	cd test && go run ./mutants -only 'named/late' -v  # those whose name matches, with their tests' output
//	cd test && go run ./mutants -list                  # what would run
//	cd test && go run ./mutants -results FILE          # goes on where a run with this file was interrupted
//	cd test && go run ./mutants -results FILE -again   # the same, and runs its survivors again
//
// A mutant is killed when a test fails, or when the tests use far more time than without the mutant; the two are counted
// separately. A change that does not compile does not count as a mutant, and another is drawn. With -out, the outcome
// replaces a section of a page.
package main
