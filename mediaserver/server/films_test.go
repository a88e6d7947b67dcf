//go:build clients

package server

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// TestFilmsOfHours plays five films of four hours at once on a server that has what
// the operator gives one: the memory for indexes of files is enough for a day of films.
func TestFilmsOfHours(t *testing.T) {
	t.Parallel()
	const films, each = 5, 4 * 3600 * (25 + 47) // pictures and frames of sound
	budgets := budget.For(spendingMemory, 1000, nil)
	s, _ := runWith(t, Config{Budgets: budgets}, open)
	folder := s.Served()[0].Streams
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for n := range films {
		if err := prepareTables(filepath.Join(folder, fmt.Sprintf("film%d.mp4", n)), each/2); err != nil {
			t.Fatal(err)
		}
		c := connect(t, s, "app/one").hello()
		c.on(1, "play", fmt.Sprintf("mp4:film%d.mp4", n), 0.0)
		c.Until("onStatus NetStream.Play.Start")
	}
	if used := budgets.Indexes.Used(); used < films*each*16 {
		t.Errorf("%d bytes of indexes are used", used)
	}
}
