package host_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"chordconductor/node/host"
)

// Two hosts of one ring: a value that is put through one is read through the other.
func Example() {
	os.Setenv("OTEL_SDK_DISABLED", "true") // nothing receives telemetry here
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	first, err := host.Open(host.Local())
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close(ctx)

	cfg := host.Local()
	cfg.Join = []string{first.Address()}
	second, err := host.Open(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close(ctx)

	for _, h := range []*host.Host{first, second} {
		if err := h.Joined(ctx); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := first.Put(ctx, []byte("tide"), []byte("high"), 0); err != nil {
		log.Fatal(err)
	}
	value, err := second.Get(ctx, []byte("tide"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", value)
	// Output: high
}

// A host that other machines reach, in a ring with a secret.
func ExampleLAN() {
	cfg := host.LAN()
	cfg.Listen, cfg.Advertise = ":7001", "host-b.example:7001"
	cfg.Join = []string{"host-a.example:7001"}
	cfg.Access.RingSecret = "3f9c1d7e5b8a2046c7d1e09f5a6b8c43" // the ring's own secret: openssl rand -hex 16
	cfg.Log = func(line string) { log.Print("chord: ", line) }
	fmt.Println(cfg.Validate())
	// Output: <nil>
}
