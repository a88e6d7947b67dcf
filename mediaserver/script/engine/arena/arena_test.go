package arena

import (
	"bytes"
	"math/rand/v2"
	"runtime/debug"
	"testing"
	"unsafe"
)

func open(t testing.TB, limit int) *Arena { return openPaid(t, limit, nil) }

func openPaid(t testing.TB, limit int, pays Payer) *Arena {
	t.Helper()
	a, err := New(limit, pays)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func memory(p uintptr, n int) []byte { return unsafe.Slice((*byte)(unsafe.Add(nil, p)), n) }

// TestBlocksKeepWhatIsWritten does what scripts do, at random, and looks at every byte.
func TestBlocksKeepWhatIsWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		play(t, 4<<20, rand.New(rand.NewPCG(seed, 1)), 4000)
	}
}

// purse pays for so much.
type purse struct{ paid, most int64 }

func (p *purse) Take(n int64) bool {
	if p.paid+n > p.most {
		return false
	}
	p.paid += n
	return true
}
func (p *purse) Give(n int64) { p.paid -= n }

// consistent looks at all blocks, and at what is paid.
func consistent(t *testing.T, a *Arena, p *purse) {
	t.Helper()
	var used, frozenBytes, before uintptr
	var was uintptr // the state of the block before
	for b := a.base; b < a.end-overhead; b += before {
		size, state := at(b).size&^state, at(b).size&state
		if at(b).before != before || size < smallest || size%align != 0 {
			t.Fatalf("a block of %d bytes at %#x behind one of %d, which it says has %d", size, b, before, at(b).before)
		}
		switch state {
		case 0:
			used += size
		case frozen:
			t.Fatalf("a block at %#x is in use and frozen", b)
		case free:
			if was == free {
				t.Fatalf("two free blocks beside one another, at %#x", b)
			}
		case free | frozen:
			frozenBytes += bytesInside(b, size)
		}
		before, was = size, state
	}
	if used != a.used || frozenBytes != a.frozen || int64(a.Ready()) != p.paid || a.paid != p.paid {
		t.Fatalf("%d bytes are used, and %d said so; %d frozen, and %d said so; %d ready, %d paid, and %d said so",
			used, a.used, frozenBytes, a.frozen, a.Ready(), p.paid, a.paid)
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add(uint64(1), 100)
	f.Fuzz(func(t *testing.T, seed uint64, steps int) {
		play(t, 1<<20, rand.New(rand.NewPCG(seed, 2)), min(max(steps, 0), 5000))
	})
}

type block struct {
	p    uintptr
	want []byte
}

func play(t *testing.T, limit int, r *rand.Rand, steps int) {
	t.Helper()
	p := &purse{most: int64(limit)}
	a := openPaid(t, limit, p)
	defer func() {
		if err := a.Close(); err != nil || p.paid != 0 {
			t.Errorf("%v, and %d bytes are paid for in the end", err, p.paid)
		}
	}()
	var blocks []block
	fill := func(p uintptr, n int) block {
		b := block{p, bytes.Repeat([]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}, n/3+1)[:n]}
		copy(memory(p, n), b.want)
		return b
	}
	size := func() int { return r.IntN(1 << (1 + r.IntN(20))) }
	for range steps {
		p.most = int64(limit)
		if r.IntN(4) == 0 { // others have what is left
			p.most = p.paid
		}
		switch i := r.IntN(50); {
		case i > 45:
			consistent(t, a, p)
			a.Shrink(r.IntN(limit))
			consistent(t, a, p)
			continue
		case i == 45: // a script lets go of nearly all it has
			for len(blocks) > 2 {
				a.Free(blocks[len(blocks)-1].p)
				blocks = blocks[:len(blocks)-1]
			}
			continue
		}
		switch i := r.IntN(3); {
		case i == 0 || len(blocks) == 0:
			n := size()
			if p := a.Alloc(uintptr(n)); p != 0 {
				if p%align != 0 || Size(p) < uintptr(n) || !a.Contains(p) || !a.Contains(p+uintptr(n)) {
					t.Fatalf("%d bytes at %#x of size %d", n, p, Size(p))
				}
				blocks = append(blocks, fill(p, n))
			}
		case i == 1:
			k := r.IntN(len(blocks))
			check(t, blocks[k])
			a.Free(blocks[k].p)
			blocks[k] = blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
		default:
			k, n := r.IntN(len(blocks)), size()
			if p := a.Realloc(blocks[k].p, uintptr(n)); p != 0 {
				kept := min(n, len(blocks[k].want))
				check(t, block{p, blocks[k].want[:kept]})
				blocks[k] = fill(p, n)
			} else {
				check(t, blocks[k])
			}
		}
	}
	for _, b := range blocks {
		check(t, b)
		a.Free(b.p)
	}
	p.most = int64(limit)
	if a.Used() != 0 {
		t.Fatalf("%d bytes are in use after all were freed", a.Used())
	}
	if ready := int(a.ready); ready > 0 && a.Alloc(uintptr(ready-3*overhead-ready/parts)) == 0 {
		t.Fatalf("what was freed is not one block again: no room for nearly all of %d bytes", ready)
	}
}

func check(t *testing.T, b block) {
	t.Helper()
	if !bytes.Equal(memory(b.p, len(b.want)), b.want) {
		t.Fatalf("%d bytes at %#x are not what was written", len(b.want), b.p)
	}
}

func TestTheLimitHolds(t *testing.T) {
	t.Parallel()
	a := open(t, 1<<20)
	var n int
	for a.Alloc(1000) != 0 {
		n++
	}
	if n < 900 || n > 1<<20/1000 {
		t.Fatalf("%d blocks of 1000 bytes fit into 1 MB", n)
	}
	if a.Alloc(1<<62) != 0 || a.Realloc(a.Alloc(1), ^uintptr(0)) != 0 {
		t.Fatal("absurd sizes found room")
	}
}

// TestRevokeEndsALoop is about a loop that looks at nothing but memory: it ends by a fault that is recovered, and the memory goes back.
func TestRevokeEndsALoop(t *testing.T) {
	t.Parallel()
	a := open(t, 1<<20)
	p := a.Alloc(64)
	clear(memory(p, 64))
	looping, ended := make(chan bool), make(chan any)
	go func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() { ended <- recover() }()
		looping <- true
		for b, i := memory(p, 64), 0; b[i&63] != 2; i++ { // which it never is
			b[7] = 1
		}
	}()
	<-looping
	if err := a.Revoke(); err != nil {
		t.Fatal(err)
	}
	got := <-ended
	fault, ok := got.(interface{ Addr() uintptr })
	if !ok || !a.Contains(fault.Addr()) {
		t.Fatalf("the loop ended with %v", got)
	}
	if a.Alloc(1<<19) != 0 {
		t.Fatal("a revoked arena gave memory")
	}
	if err := a.Look(); err != nil || memory(p, 64)[7] != 1 {
		t.Fatalf("what the loop left cannot be looked at: %v", err)
	}
	if err := a.Drop(); err != nil || memory(p, 64)[7] != 0 {
		t.Fatalf("what was given back is there: %v", err)
	}
}

func BenchmarkAlloc(b *testing.B) {
	a := open(b, 16<<20)
	for b.Loop() {
		a.Free(a.Alloc(4096))
	}
}
