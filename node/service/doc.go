// Package service is a node host's services for the outside: chord.v1.KV for clients and chord.v1.Host for a
// controller. A host (node/host) serves both beside the members' own services; simulated hosts inside the conductor call
// KV's methods directly.
//
// It validates requests and returns errors as gRPC statuses. It passes the work to a member of the host and that
// member's keeper; it holds no state of the ring and takes no part in it.
package service
