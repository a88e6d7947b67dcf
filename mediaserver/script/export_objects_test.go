package script

// Hold runs f as an event of the script's: nothing else happens there meanwhile.
func (h *Host) Hold(f func()) {
	done := make(chan struct{})
	h.send(&event{run: func(*world) { f(); close(done) }})
	<-done
}
