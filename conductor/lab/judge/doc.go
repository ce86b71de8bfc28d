// Package judge decides, from the events and spans that reach the conductor, what members did: a Watch which answers to
// lookups were right, what moved, how members ended and lost keys were lost; an Accuracy how far the view is from the
// ground truth (package groundtruth).
package judge
