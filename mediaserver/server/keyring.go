package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

// keyring is the publish key of one instance as its file says it, and the key
// before it for as long as that stays valid. It implements instance.Keys.
//
// One goroutine, that of looks, is the owner. It looks at the file every second, so that
// the time of a replaced key begins when it is replaced and not at the next publish, and
// whenever a key is checked, so that a change counts at once in both directions.
type keyring struct {
	file, memoryFile string
	previousFor      time.Duration
	clock            clock
	log              *slog.Logger
	looks            *looks

	state atomic.Pointer[keyState] // written by the owner only

	// Held by the owner only.
	unsaved bool // the memory is newer than its file
	failing bool // it could not be written
	short   bool // the key is, and the log has heard of it
	retry   pace
}

// keyState is what a check decides on. It is replaced, never changed.
type keyState struct {
	keyMemory
	err error // why there is no key now
}

// retryEvery is how often a memory that could not be written is tried again.
const retryEvery = time.Minute

// openKeyring looks at the key for the first time, and compares it to what is
// remembered: a change that came while no server ran is noticed here. close
// ends it. A key that is missing keeps nothing from starting: it may come.
func openKeyring(file, memoryFile string, previousFor time.Duration, clock clock, log *slog.Logger) *keyring {
	k := &keyring{
		file: file, memoryFile: memoryFile, previousFor: previousFor, clock: clock, log: log,
		retry: pace{every: retryEvery},
	}
	memory, err := loadMemory(memoryFile, clock.now())
	if err != nil {
		log.Error("what the publish key was before cannot be read: if it has changed, the one before is no longer valid", "err", err)
	}
	k.state.Store(&keyState{keyMemory: memory})
	k.look()
	k.save()
	k.looks = beginLooks(clock, k.look, k.save) // what is saved comes last: no check waits for the disk
	return k
}

// close ends the looks at the file.
func (k *keyring) close(ctx context.Context) { k.looks.close(ctx) }

// Check implements instance.Keys.
func (k *keyring) Check(key string) *session.Refusal {
	if !k.looks.now() {
		return refused(session.RefusedStopping)
	}
	return k.state.Load().check(key, k.clock.now(), k.previousFor)
}

// Knows implements instance.Keys. The owner looks every second.
func (k *keyring) Knows(key string) bool {
	return k.state.Load().check(key, k.clock.now(), k.previousFor) == nil
}

func refused(why session.RefusalCode) *session.Refusal { return &session.Refusal{Code: why} }

func (s *keyState) check(key string, now time.Time, previousFor time.Duration) *session.Refusal {
	switch {
	case s.err != nil:
		// That of the past is not asked for: it is not known who took the key
		// away, and why. The cause is in the log already.
		return &session.Refusal{Code: session.RefusedNoKey, Reason: "the server has no key"}
	case key == "":
		return refused(session.RefusedNoKeyGiven)
	case s.Current.is(key):
		return nil
	case !s.Previous.is(key):
		return refused(session.RefusedWrongKey)
	case now.Sub(s.Replaced) >= previousFor:
		return refused(session.RefusedKeyReplaced)
	}
	return nil
}

// look reads the file and notes what has changed.
func (k *keyring) look() {
	was := k.state.Load()
	is := &keyState{keyMemory: was.keyMemory}
	var key string
	if key, is.err = readKey(k.file); is.err != nil {
		if was.err == nil || was.err.Error() != is.err.Error() {
			k.log.Error("nobody can publish: the server has no publish key", "err", is.err,
				"way out", "write a key into "+k.file+"; it counts at once")
		}
		k.state.Store(is)
		return
	}
	k.warnShort(key)
	if was.err != nil {
		k.log.Info("the publish key is there: publishing is possible", "file", k.file)
	}
	switch {
	case was.Current == nil:
		is.Current = hashKey(key)
		k.unsaved = true
	case !was.Current.is(key):
		is.Current, is.Previous, is.Replaced = hashKey(key), was.Current, k.clock.now().UTC()
		k.unsaved = true
		k.log.Info("the publish key has changed", "file", k.file, "previousKeyFor", k.previousFor)
	case was.err == nil:
		return
	}
	k.state.Store(is)
}

// minKey is how many bytes a key should have: 16 random ones, written in letters
// and digits, take more.
const minKey = 16

// warnShort tells, once, of a key that can be guessed.
func (k *keyring) warnShort(key string) {
	short := len(key) < minKey
	if short && !k.short {
		k.log.Warn("the publish key is short, and can be guessed", "file", k.file, "bytes", len(key),
			"way out", fmt.Sprintf("write one of %d characters or more into the file, such as \"openssl rand -hex 16\" gives; the one before stays valid for a while", minKey))
	}
	k.short = short
}

// save writes the memory when it has changed.
func (k *keyring) save() {
	if !k.unsaved || k.failing && !k.retry.ready(k.clock.now()) {
		return
	}
	err := k.state.Load().save(k.memoryFile)
	switch {
	case err != nil && !k.failing:
		k.retry.ready(k.clock.now())
		k.log.Error("the publish key cannot be remembered: publishing goes on, but after a restart a replaced key is no longer valid", "err", err,
			"way out", "make room, or make the folder writable; it is tried again every "+retryEvery.String())
	case err == nil && k.failing:
		k.log.Info("the publish key is remembered", "file", k.memoryFile)
	}
	k.failing, k.unsaved = err != nil, err != nil
}
