// Package memory divides the memory that the conductor may use among those of its parts whose use others decide in bytes.
//
// A Budget has one Share for each part. A part takes from its share before it allocates what others decide the size of,
// and gives back what it lets go. A share that is used up refuses, and its part lets something go first: what that is
// stands beside each share. A share counts estimates, never real allocations; the shares leave room for what estimates
// miss, for the garbage collector and for the program itself.
//
// The program's main makes the Budget. The package reads the machine's or the control group's size, and nothing else.
package memory
