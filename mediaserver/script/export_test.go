package script

// Sync waits until the script has handled all that was posted before.
func (h *Host) Sync() {
	done := make(chan struct{})
	if h.send(&event{run: func(*world) { close(done) }, lost: func(string) { close(done) }}) {
		<-done
	}
}
