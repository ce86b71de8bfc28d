// Package senderstest runs the real conductor, as a process with a limit of memory, against the worst senders and
// readers that there can be, all at the same time: fat, deep, slow, lying and many, and clients that never read.
// Meanwhile the events of an honest ring must be applied soon, the page and health checks be answered, and the process
// stay within its memory.
//
// It contains only tests. `make senders-full` runs the ten-minute form, whose result is in docs/results/senders.md.
package senderstest
