package script

// Sync waits until the script has handled all that was posted before.
func (h *Host) Sync() {
	done := make(chan struct{})
	if h.send(&event{run: func(*world) { close(done) }, lost: func(string) { close(done) }}) {
		<-done
	}
}

// Memory is what the script's runtime takes of the system, in bytes.
func (h *Host) Memory() int {
	got := make(chan int, 1)
	h.send(&event{run: func(w *world) { got <- w.rt.Memory().Taken }})
	return <-got
}

// Interrupt ends what the script does, as if its time were up.
func (h *Host) Interrupt() {
	h.mu.Lock()
	w := h.now
	h.mu.Unlock()
	w.rt.Stop()
}

// Queued is how many events wait.
func (h *Host) Queued() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.queue)
}
