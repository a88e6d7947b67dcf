package session

// What tests through the door need to know of the inside.
const (
	MaxNetStreams   = maxNetStreams
	MaxWaiting      = maxWaiting
	MaxWaitingBytes = maxWaitingBytes
	MaxCalling      = maxCalling
)

// CommandNames are the commands that a session knows.
func CommandNames() (names []string) {
	for name := range connectionCommands {
		names = append(names, name)
	}
	for name := range streamCommands {
		names = append(names, name)
	}
	return names
}
