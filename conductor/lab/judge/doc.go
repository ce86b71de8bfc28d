// Package judge decides, from the events and spans that reach the conductor, what members did. A Watch determines which
// answers to lookups were right, which ranges moved, how members ended, and how keys were lost. An Accuracy measures
// how far the view is from the ground truth (package groundtruth).
package judge
