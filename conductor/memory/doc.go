// Package memory divides the conductor's memory among those of its parts whose use depends on what others send, in
// bytes.
//
// A Budget has one Share for each part. A part takes from its share before it allocates memory whose size others
// decide, and gives it back when it is free. A share that is used up refuses, and its part drops something first: each
// share's comment names what. A share counts estimates, never real allocations; the shares leave room for what
// estimates miss, for the garbage collector and for the program itself.
//
// The program's main makes the Budget. The package reads the size of the machine or control group, and nothing else.
package memory
