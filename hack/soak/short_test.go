//go:build clients

package main

import (
	"context"
	"testing"
	"time"
)

// A soak of half a minute finds what leaks at once.
func TestShortSoak(t *testing.T) {
	o := options{server: "../../bin/flashpod", time: 30 * time.Second, seed: uint64(time.Now().UnixNano()), clients: 40, every: 5 * time.Second}
	if err := run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}
