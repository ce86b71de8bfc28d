// Package web is the conductor's HTTP server: the page's assets, the JSON API, health checks, and access to the
// WebSocket hub.
//
// The program's main makes a Server from the running parts and serves it. Handlers read immutable views and pass
// commands to a Control; a command's answer goes to the caller and never into the ring view.
//
// Access: a server that listens on loopback is open to tools and to its own page; any other requires the token with
// every request to the API and the WebSocket. On every address the Host header must name this server (after DNS
// rebinding it does not), and requests that change something, or open a WebSocket, must not come from another origin.
// The page's files and the health checks contain nothing about the ring and require no token.
//
// The package holds no state about the ring and starts no goroutine of its own.
package web
