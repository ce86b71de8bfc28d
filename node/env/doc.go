// Package env defines all that a member may use outside its own memory: time, tasks, signals,
// randomness, and calls to peers. Package grpcenv is the real environment, simenv a deterministic
// world with virtual time, and faults a layer over either.
//
// Members and their key side use it. It contains nothing about members, keys or rings.
package env
