package engine_test

import (
	"errors"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// What scripts take together is paid for, whatever each may have, and comes back with
// their ends.
func TestMemoryIsPaidFor(t *testing.T) {
	t.Parallel()
	all := budget.New("memory of scripts", 8<<20)
	limits := engine.Limits{Memory: 64 << 20, Pays: all, Time: time.Minute} // what is slow is no concern here
	hog, err := engine.New(limits)
	if err != nil {
		t.Fatal(err)
	}
	one := all.Used()
	if one == 0 || one > 1<<20 {
		t.Errorf("a runtime that does nothing takes %d bytes", one)
	}
	_, err = hog.Load(engine.Source{Name: "a", Text: "var a = []; for (;;) a.push('x'.repeat(1000) + a.length)"})
	if !errors.Is(err, engine.ErrMemory) {
		t.Errorf("%v", err)
	}
	if used := all.Used(); used < 6<<20 || used > all.Max() || hog.Memory().Taken != int(used) {
		t.Errorf("%d bytes are paid for, of %d", used, hog.Memory().Taken)
	}
	all.Owe(all.Max() - all.Used())
	if _, err := engine.New(limits); err == nil {
		t.Error("a runtime has begun that nothing pays for")
	}
	hog.Close()
	hog.Close()
	if all.Used() >= all.Max()-6<<20 {
		t.Errorf("%d bytes are paid for after the end", all.Used())
	}
}

// What a script lets go of is paid for no more, whatever else it keeps, and paid for again when it is needed.
func TestMemoryThatIsLetGoIsGivenBack(t *testing.T) {
	t.Parallel()
	all := budget.New("memory of scripts", 64<<20)
	r := open(t, engine.Limits{Memory: 64 << 20, Pays: all, Time: time.Minute})
	const peak = "all = []; for (var i = 0; i < 50000; i++) all.push({n: i, s: 'x' + i}); kept = [all[25000], all[49999]]; all.length"
	for range 3 {
		before := all.Used()
		load(t, r, "var all, kept; "+peak)
		most := all.Used()
		load(t, r, "all = null")
		if used := all.Used(); most < 6<<20 || used > before+1<<20 || used > 2<<20 {
			t.Errorf("%d bytes are paid for before, %d with much, and %d after that", before, most, used)
		}
		if got := text(t, r, "kept[0].s + kept[1].s"); got != "x25000x49999" {
			t.Errorf("it has kept %s", got)
		}
	}
	all.Owe(all.Max() - all.Used()) // others have it by now
	if e := fails(t, r, peak); !errors.Is(e, engine.ErrMemory) {
		t.Error(e)
	}
	if got := text(t, r, "kept[0].s + kept[1].s"); got != "x25000x49999" {
		t.Errorf("it has kept %s", got)
	}
}
