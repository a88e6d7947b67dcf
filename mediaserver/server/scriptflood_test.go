package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// Scripts of instances that strangers have had started take so much together, and who
// comes too late is told; an instance that nobody uses makes room.
func TestScriptsOfStrangersTakeSoMuchTogether(t *testing.T) {
	t.Parallel()
	budgets := budget.For(1<<20, 10000, nil) // the least
	s := oldFolder(t, Config{Budgets: budgets}, func(dir string) {
		write(t, filepath.Join(dir, "rooms", "main.asc"), `
			application.onConnect = function (c) {
				c.hold = function (n) { application.held = "x".repeat(n) + Math.random(); return application.held.length > n };
				return true;
			};
		`)
	})
	memory := budgets.ScriptsOnDemand
	var first *visitor
	var said string
	for n := range 500 {
		g, err := knock(t, s, fmt.Sprint("rooms/r", n), nil)
		if err != nil {
			var refused *rtmp.StatusError
			if !errors.As(err, &refused) {
				t.Fatal(err)
			}
			said = refused.Code + " " + refused.Description
			break
		}
		if first == nil {
			first = g
		}
	}
	if !strings.Contains(said, "the scripts of other instances take all the memory that scripts may have") {
		t.Errorf("%q, with %d bytes of %d taken", said, memory.Used(), memory.Max())
	}
	if got := first.ask("hold", 8e6); !strings.HasPrefix(got, "NetConnection.Call.Failed") || memory.Used() > memory.Max() {
		t.Errorf("%s, with %d bytes of %d taken", got, memory.Used(), memory.Max())
	}
	first.nc.Close()
	servertest.Eventually(t, "another has room", func() bool {
		g, err := knock(t, s, "rooms/late", nil)
		return err == nil && g.ask("hold", 10.0) == "true"
	})
}
