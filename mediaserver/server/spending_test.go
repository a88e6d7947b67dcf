//go:build clients

package server

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

var updateSpending = flag.Bool("update-spending", false, "write SPENDING.md from what ran")

const (
	// floodFor is how long the strangers of a trial go on.
	floodFor = 2 * time.Second
	// pictureP99 is how late one live picture in a hundred may be, and noisy how many
	// times as late as without strangers, where the machine has other work.
	pictureP99 = 20 * time.Millisecond
	noisy      = 3
	// letIn is how long a publisher with the key may take to get in.
	letIn = time.Second
	// backWithin is how long the memory may take to come back after the strangers
	// have left, to settled more than it was.
	backWithin = 10 * time.Second
	settled    = 16 << 20
	// attempts is how often a trial is tried when something was late.
	attempts = 3
)

// trial is a stranger who tries to make a server spend. But for one it has no key.
type trial struct {
	name string // what is sent, in the table's words
	// bound is what the server spends at most, and notices is what others see of
	// it, in the table's words.
	bound, notices string
	memory         int64 // bytes that it may take, with garbage
	kept           int64 // bytes of them that stay: indexes of files, instances
	files          int   // that the server may keep, beside a hundred
	anyone         bool  // may publish: the server has no key
	// prepare puts files into the folder of recordings; nil: there are none.
	prepare func(folder string) error
	// send plays the stranger for as long as it goes on. What it opens with
	// stranger's methods is held until the trial ends.
	send func(s *stranger)
}

// allTrials are the strangers, one after another and all at once, and those who
// need a network or a server of their own; the first is nobody.
func allTrials() []trial {
	trials := slices.Concat(spendingTrials(), outerTrials(), fileTrials(), keyTrials())
	nobody := trial{
		name: "Nothing: what all the others are compared with.", bound: "", notices: "", memory: 32 << 20,
		send: func(s *stranger) { s.hold() },
	}
	return slices.Concat([]trial{nobody}, trials, []trial{together(trials)}, crowdTrials(), objectTrials())
}

// together is all trials at once.
func together(all []trial) trial {
	t := trial{
		name: "All of the above at once.", bound: "the sum of the budgets", notices: "the same", memory: 256 << 20,
		prepare: func(folder string) error {
			for _, one := range all {
				if one.prepare == nil {
					continue
				}
				if err := one.prepare(folder); err != nil {
					return err
				}
			}
			return nil
		},
		send: func(s *stranger) {
			s.crowded = true
			var each sync.WaitGroup
			for _, one := range all {
				each.Go(func() { one.send(s) })
			}
			each.Wait()
		},
	}
	for _, one := range all {
		t.files += one.files
		t.kept += one.kept
	}
	return t
}

// TestSpending plays the strangers against a server, one trial after another and
// all at once, while a live stream is watched beside them and publishers come and
// go. It compares what that cost, and what the others noticed, with the bounds, and
// those with SPENDING.md. With -update-spending it writes the table.
//
// Strangers, server, and those who watch are processes of their own.
func TestSpending(t *testing.T) {
	trials := allTrials()
	rows := make([]*spent, len(trials))
	var settling sync.WaitGroup // beside the trials that follow
	for n, one := range trials {
		t.Run(one.name, func(inner *testing.T) {
			for try := range attempts {
				server := spendingServer(t, one.files, one.anyone)
				rows[n] = one.run(inner, n, server)
				settling.Go(func() { rows[n].settle(t, server, settled+one.kept) })
				late := rows[n].tooLate(rows[0])
				switch {
				case late == nil || inner.Failed():
					return
				case try < attempts-1:
					inner.Log(late)
				case rows[n].crowded && !*updateSpending:
					inner.Logf("not judged, because other programs have kept the processors busy: %v", late)
				default:
					inner.Error(late)
				}
			}
		})
	}
	settling.Wait()
	for n, one := range trials {
		if rows[n] == nil || rows[n].back <= backWithin {
			continue
		}
		// When the runtime gives memory back is a matter of chance, too; what is kept is kept again.
		t.Logf("%s: %d MB more than before, once more", one.name, rows[n].left>>20)
		server := spendingServer(t, one.files, one.anyone)
		r := one.run(t, n, server)
		if r.settle(t, server, settled+one.kept); r.back > backWithin {
			t.Errorf("%s: %v after the strangers left the server has %d MB more than before, and may have %d",
				one.name, r.back, r.left>>20, (settled+one.kept)>>20)
		}
	}
	if t.Failed() || slices.Contains(rows, nil) {
		return // some were left out
	}
	const file = "../SPENDING.md"
	got := spendingTable(trials, rows)
	if *updateSpending {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if without(string(want)) != without(got) {
		t.Errorf("%s does not say what was tried (make spending-table writes it):\n%s", file, got)
	}
}

// spent is what a trial came to.
type spent struct {
	sent      uint64 // bytes
	memory    int64  // bytes that the server had more at the most
	processor time.Duration
	took      time.Duration
	median    time.Duration // of live pictures, from encoder to player
	p99       time.Duration
	publisher time.Duration // the longest until a publisher with the key was let in
	back      time.Duration // until the memory was back
	left      int64         // bytes that it has more then
	crowded   bool          // the machine had other work

	before int64 // bytes
}

// tooLate says what others noticed that they should not; nobody is what they do
// without strangers.
func (r *spent) tooLate(nobody *spent) error {
	if nobody == nil {
		nobody = &spent{} // it was left out
	}
	if most := max(pictureP99, noisy*nobody.p99); r.p99 > most {
		return fmt.Errorf("live pictures are late: p99 %v, %v at most", r.p99, most)
	}
	if most := max(letIn, noisy*nobody.publisher); r.publisher > most {
		return fmt.Errorf("a publisher with the key was let in after %v, %v at most", r.publisher, most)
	}
	return nil
}

// run plays a trial against a server.
func (one trial) run(t *testing.T, n int, server *child) *spent {
	strangers := startProcess(t, "strangers", roleArgs{Trial: n, RTMP: server.address, HTTP: server.http, Folder: server.folder}, "nice", "-n", "19")
	strangers.hear("ready") // with what it prepared
	viewer := startProcess(t, "viewer", roleArgs{RTMP: server.address})
	viewer.hear("ready")

	out := &spent{before: server.memory(t)}
	stop := server.watch(t)
	started, worked := time.Now(), server.processor(t)
	waited := server.waited()
	viewer.say("measure")
	strangers.say("go")
	var did didSend
	strangers.answer("done", &did)
	out.sent, out.took, out.processor = did.Sent, time.Since(started), server.processor(t)-worked
	// Threads of a server that has two processors to itself wait for each other, and
	// for those who watch, for as long as the trial takes; beside other programs, for
	// twice as long.
	waited = server.waited() - waited
	out.crowded = waited > out.took*6/5
	viewer.say("end")
	var saw didSee
	viewer.answer("saw", &saw)
	out.memory = stop() - out.before
	out.median, out.p99, out.publisher = saw.judge(t)
	for _, failed := range did.Failed {
		t.Error(failed)
	}
	t.Logf("%d bytes sent, %d MB taken, %v of a processor in %v, %d pictures after %v (p99 %v), %d publishers let in after %v at most; the server waited %v for processors",
		out.sent, out.memory>>20, out.processor, out.took.Round(time.Millisecond), len(saw.Late), out.median, out.p99, len(saw.LetIn), out.publisher, waited)
	if out.memory > one.memory {
		t.Errorf("the server took %d MB, %d at most", out.memory>>20, one.memory>>20)
	}
	strangers.end()
	viewer.end()
	return out
}

// settle looks when the server has no more than most bytes more than before, and
// ends it.
func (r *spent) settle(t *testing.T, server *child, most int64) {
	started := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for r.back <= backWithin {
		r.left = server.memory(t) - r.before
		r.back = time.Since(started)
		if r.left <= most {
			break
		}
		<-tick.C
	}
	server.end()
}
