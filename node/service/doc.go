// Package service is what a node host offers to the outside: chord.v1.KV to clients and chord.v1.Host to a controller.
// The node program serves both beside the members' own services; fleets inside the conductor call KV's methods directly.
//
// It checks what comes from outside and says errors as gRPC statuses. What is asked for it leaves to a member of the
// host and that member's keeper; it holds no state of the ring and takes no part in it.
package service
