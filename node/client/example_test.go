package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"chordconductor/node/client"
	"chordconductor/node/host"
)

// A client of a host, which the example runs, too.
func Example() {
	os.Setenv("OTEL_SDK_DISABLED", "true") // nothing receives telemetry here
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h, err := host.Open(host.Local())
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close(ctx)
	if err := h.Joined(ctx); err != nil {
		log.Fatal(err)
	}

	c, err := client.New(client.Config{Address: h.Address()})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Put(ctx, []byte("tide"), []byte("high"), 0); err != nil {
		log.Fatal(err)
	}
	value, err := c.Get(ctx, []byte("tide"))
	fmt.Printf("%s %v\n", value, err)
	if _, err := c.Delete(ctx, []byte("tide")); err != nil {
		log.Fatal(err)
	}
	_, err = c.Get(ctx, []byte("tide"))
	fmt.Println(errors.Is(err, client.ErrNotFound))
	// Output:
	// high <nil>
	// true
}

// A client of a ring whose hosts share a secret that the client does not have.
func ExampleConfig() {
	c, err := client.New(client.Config{
		Address:   "host-a.example:7001",
		ServerPin: "sha256:35b5d5e6f2b6a1f0c1c1a3d8f6c1e0b7a9d2c4e6f8091a2b3c4d5e6f70819203", // a host prints it
		Token:     "a-client-token-of-some-length",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	// Output:
}
