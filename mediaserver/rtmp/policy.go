package rtmp

import "fmt"

// policyRequest is what Flash Player says on a socket before a movie of another domain
// may connect to it, in place of C0, which is no character [Adobe Cross Domain Policy
// File Specification 2.0 §1.5].
const policyRequest = "<policy-file-request/>\x00"

// answerPolicyRequest answers when the rest of the request is there. Who says something
// else is not waited for.
func (c *Conn) answerPolicyRequest(from *counted) error {
	var said [len(policyRequest)]byte
	for at := 1; at < len(said); {
		n, err := from.Read(said[at:])
		if got, want := string(said[at:at+n]), policyRequest[at:at+n]; got != want {
			return fmt.Errorf("%w: it begins as a request for a policy file, and is none", ErrNotRTMP)
		}
		if at += n; err != nil && at < len(said) {
			return unexpected(err)
		}
	}
	if err := c.writeRaw(c.cfg.Policy()); err != nil {
		return err
	}
	return ErrPolicyRequest
}
