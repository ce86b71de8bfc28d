// Package memory divides the conductor's memory, in bytes, among those of its parts whose use of memory depends on what
// others send.
//
// A Budget has one Share for each part. A part takes memory from its share before it allocates what others decide the
// size of, and gives it back when it is free. A share that is used up refuses, and its part drops something first: the
// comment on each share names what. A share counts estimates, not real allocations; the part of the budget outside all
// shares is for what estimates miss, for the garbage collector and for the program itself.
//
// The program's main makes the Budget. The package reads the size of the machine or control group, and nothing else.
package memory
