package v1alpha1

// Console is what people look at a running server with: pages at /-/console/ of the
// control port, behind a token.
type Console struct {
	// Mode is Managed (the operator makes a Secret, called like the AppInstance with
	// "-console" behind, with a token to look, viewer, and one to change things, admin;
	// the server takes others that are written into it within a minute or two) or None
	// (the server is handed no tokens).
	// +kubebuilder:default=Managed
	// +optional
	Mode ConsoleMode `json:"mode,omitempty"`
}

// ConsoleMode says who makes the console's tokens.
// +kubebuilder:validation:Enum=Managed;None
type ConsoleMode string

// The console's modes.
const (
	ConsoleManaged ConsoleMode = "Managed"
	ConsoleNone    ConsoleMode = "None"
)

// HasConsole says whether the operator hands the server tokens of its console. An image
// of the user's own, which may know none, gets them where spec.console asks for them.
func (s *AppInstanceSpec) HasConsole() bool {
	if s.Console == nil {
		return s.Image == ""
	}
	return s.Console.Mode != ConsoleNone
}
