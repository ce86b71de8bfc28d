// Package faults injects faults into a host: it is a layer between a host's members and their environment, so the same
// faults work in the real world and in the simulated one, and on remote hosts.
//
//	layer := faults.New(e, e.Address())
//	h, err := member.NewHost(cfg, e.Address(), layer, …)
//	e.Serve(h, h, layer.Serve, nil)
//	layer.Set(rules)
//
// A rule applies to what this host sends to one address: its calls, and its answers to calls from
// there. A rule with Cut on both hosts makes a partition, on one host a one-way partition. A lost
// message looks as in production: no answer arrives in time.
package faults
