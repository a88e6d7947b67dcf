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

	"flashpod.dev/flashpod/mediaserver/servertest"
)

var (
	updateSpending = flag.Bool("update-spending", false, "write SPENDING.md from what ran; nothing else may run on the machine")
	quietSpending  = flag.Bool("quiet-spending", false, "judge times as on a machine on which nothing else runs")
)

const (
	// floodFor is how long the strangers of a trial go on.
	floodFor = 2 * time.Second
	// settled is how many bytes more than before the memory may have when it is back.
	settled = 16 << 20
	// attempts is how often a trial is tried when something was late.
	attempts = 3
)

// patience is how late things may be.
type patience struct {
	picture time.Duration // one live picture in a hundred
	letIn   time.Duration // a publisher with the key
	back    time.Duration // the memory, after the strangers have left
}

// onQuiet is what others may notice on a machine that has nothing else to do.
var onQuiet = patience{picture: 20 * time.Millisecond, letIn: time.Second, back: 10 * time.Second}

// quiet says whether this is such a machine.
func quiet() bool { return *quietSpending || *updateSpending }

// lowest is the priority of strangers: the lowest there is would leave them nothing of a
// machine that has other work.
func lowest() string {
	if quiet() {
		return "19"
	}
	return "10"
}

// allowed is what others may notice on a machine that is so many times slower than a
// quiet one: on one that has other work, only what a server would do that lets strangers
// go first, or keeps what they have left.
func allowed(slower float64) patience {
	if quiet() {
		return onQuiet
	}
	return patience{
		picture: max(time.Second, time.Duration(slower*float64(time.Second)/2)),
		letIn:   max(10*time.Second, time.Duration(slower*float64(5*time.Second))),
		back:    servertest.Patience,
	}
}

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
	least          load  // that makes it a trial: the strangers go on until they have done that
	// prepare puts files into the folder of recordings; nil: there are none.
	prepare func(folder string) error
	// send plays the stranger for as long as it goes on. What it opens with
	// stranger's methods is held until the trial ends.
	send func(s *stranger)
	// after looks at what the strangers have left behind; nil: nothing.
	after func(s *stranger)
}

// allTrials are the strangers, one after another and all at once, and those who
// need a network, ports or a server of their own; the first is nobody.
func allTrials() []trial {
	trials := slices.Concat(spendingTrials(), outerTrials(), fileTrials(), keyTrials())
	nobody := trial{
		name: "Nothing: what all the others are compared with.", bound: "", notices: "", memory: 32 << 20,
		send: func(s *stranger) { s.hold() },
	}
	return slices.Concat([]trial{nobody}, trials, []trial{together(trials)}, crowdTrials(), objectTrials(), webTrials())
}

// together is all trials at once.
func together(all []trial) trial {
	t := trial{
		name: "All of the above at once.", bound: "the sum of the budgets", notices: "the same", memory: 256 << 20,
		least: load{Sent: 8 << 20, Came: 1 << 20, Served: 100},
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
// Strangers, server, and those who watch are processes of their own, and so is a server that
// no stranger comes to: it says how slow the machine is meanwhile.
func TestSpending(t *testing.T) {
	trials := allTrials()
	rows := make([]*spent, len(trials))
	var settling sync.WaitGroup // beside the trials that follow
	var control *child
	if !quiet() {
		control = spendingServer(t, 0, false)
	}
	for n, one := range trials {
		t.Run(one.name, func(inner *testing.T) {
			for try := range attempts {
				server := spendingServer(t, one.files, one.anyone)
				rows[n] = one.run(inner, n, server, control)
				settling.Go(func() { rows[n].settle(t, server, settled+one.kept) })
				late := rows[n].tooLate()
				switch {
				case late == nil || inner.Failed():
					return
				case try < attempts-1:
					inner.Log(late)
				default:
					inner.Error(late)
				}
			}
		})
	}
	settling.Wait()
	for n, one := range trials {
		if rows[n] == nil || rows[n].left <= settled+one.kept {
			continue
		}
		// When the runtime gives memory back is a matter of chance, too; what is kept is kept again.
		t.Logf("%s: %d MB more than before, once more", one.name, rows[n].left>>20)
		server := spendingServer(t, one.files, one.anyone)
		r := one.run(t, n, server, control)
		if r.settle(t, server, settled+one.kept); r.left > settled+one.kept {
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
	slower    float64       // how many times slower than a quiet one the machine was
	back      time.Duration // until the memory was back
	left      int64         // bytes that it has more then

	before int64 // bytes
}

// tooLate says what others noticed that they should not.
func (r *spent) tooLate() error {
	may := allowed(r.slower)
	if r.p99 > may.picture {
		return fmt.Errorf("live pictures are late: p99 %v, %v at most", r.p99, may.picture)
	}
	if r.publisher > may.letIn {
		return fmt.Errorf("a publisher with the key was let in after %v, %v at most", r.publisher, may.letIn)
	}
	return nil
}

// run plays a trial against a server. What is noticed meanwhile of the control, to which no
// stranger comes, is the machine's doing; nil: the machine does nothing else.
func (one trial) run(t *testing.T, n int, server, control *child) *spent {
	if one.prepare != nil {
		if err := one.prepare(server.folder); err != nil {
			t.Fatal(err)
		}
	}
	strangers := startProcess(t, "strangers", roleArgs{Trial: n, RTMP: server.at.RTMP, HTTP: server.at.HTTP, Web: server.at.Web, UDP: server.at.UDP, TLS: server.at.TLS, Folder: server.folder}, "nice", "-n", lowest())
	strangers.hear("ready")
	viewer := startProcess(t, "viewer", roleArgs{RTMP: server.at.RTMP})
	viewer.hear("ready")
	var beside *process
	if control != nil {
		beside = startProcess(t, "viewer", roleArgs{RTMP: control.at.RTMP})
		beside.hear("ready")
		beside.say("measure")
	}

	out := &spent{before: server.memory(t), slower: 1}
	stop := server.watch(t)
	started, worked, starved := time.Now(), server.processor(t), server.starved(t)
	viewer.say("measure")
	strangers.say("go")
	var did didSend
	strangers.answer("done", &did)
	out.sent, out.took, out.processor = did.Sent, time.Since(started), server.processor(t)-worked
	out.slower = max(1, float64(out.processor+server.starved(t)-starved)/float64(max(out.processor, time.Millisecond)))
	viewer.say("end")
	var saw didSee
	viewer.answer("saw", &saw)
	out.memory = stop() - out.before
	out.median, out.p99, out.publisher = saw.judge(t)
	if beside != nil {
		beside.say("end")
		var alone didSee
		beside.answer("saw", &alone)
		beside.end()
		_, p99, publisher := alone.judge(t)
		out.slower = max(out.slower, float64(p99)/float64(onQuiet.picture), float64(publisher)/float64(onQuiet.letIn))
	}
	for _, failed := range did.Failed {
		t.Error(failed)
	}
	t.Logf("%d bytes sent, %d came, served %d times, ended %d times, %d MB taken, %v of a processor in %v, %d pictures after %v (p99 %v), %d publishers let in after %v at most; the machine was %.1f times slower than a quiet one",
		out.sent, did.Came, did.Served, did.Ended, out.memory>>20, out.processor, out.took.Round(time.Millisecond), len(saw.Late), out.median, out.p99, len(saw.LetIn), out.publisher, out.slower)
	if out.memory > one.memory {
		t.Errorf("the server took %d MB, %d at most", out.memory>>20, one.memory>>20)
	}
	strangers.end()
	viewer.end()
	return out
}

// settle looks when the server has no more than most bytes more than before, and
// ends it. On a machine that has other work, it is asked to give back what it can: when a
// runtime does by itself is a matter of minutes, and of who else works.
func (r *spent) settle(t *testing.T, server *child, most int64) {
	started := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r.left = server.memory(t) - r.before
		r.back = time.Since(started)
		if r.left <= most || r.back > allowed(1).back {
			break
		}
		if !quiet() {
			server.say("collect")
			server.hear("collected")
		}
		<-tick.C
	}
	server.end()
}
