package script

// maxOfOne is how many calls of one client, and streams that it began and ended, may
// wait.
const maxOfOne = 1000

// maxCallBytes is how much the arguments of calls that wait may take together, as they
// came: whoever sent them waits for the answer no longer than it likes.
const maxCallBytes = 16 << 20

// enter puts what a client has done into the queue, if there is room.
func (h *Host) enter(e *event) (refused string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return "the script has ended"
	case e.kind == connecting && h.joining >= h.cfg.Pending:
		return "too many clients wait for the application's script: try again in a moment"
	case e.kind == calling && h.calls > 0 && h.waiting+e.bytes > maxCallBytes, e.kind == calling && h.calls >= h.cfg.Calls, e.kind != connecting && h.clients[e.client] >= maxOfOne:
		return "too many calls wait for the script: try again in a moment"
	}
	switch e.kind {
	case connecting:
		h.joining++
		h.connects[e.client] = e
	case calling:
		h.calls++
		h.waiting += e.bytes
		h.clients[e.client]++
	case publishing:
		h.clients[e.client]++
	}
	h.add(e)
	return ""
}

// uncount takes what has left the queue out of the counts.
func (h *Host) uncount(e *event) {
	switch e.kind {
	case connecting:
		h.joining--
		if h.connects[e.client] == e {
			delete(h.connects, e.client)
		}
		return
	case calling:
		h.calls--
		h.waiting -= e.bytes
	case publishing:
	case own:
		h.own--
		return
	default:
		return
	}
	if h.clients[e.client]--; h.clients[e.client] <= 0 {
		delete(h.clients, e.client)
	}
}

// withdraw forgets the connect of a client that has gone before the script was asked;
// false: it was.
func (h *Host) withdraw(client string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.connects[client]
	if e == nil {
		return false
	}
	delete(h.connects, client)
	e.run, e.lost = func(*world) {}, nil
	return true
}
