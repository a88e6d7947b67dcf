package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// verdict is one condition before it has times. Without a reason it is none:
// there is no such condition.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
	// stalled says that nothing goes on until a user mends what the message
	// names.
	stalled bool
}

// good is a condition that is as it should be.
func good(reason, message string) verdict {
	return verdict{status: metav1.ConditionTrue, reason: reason, message: message}
}

// coming is a condition that will be good by itself.
func coming(reason, message string) verdict {
	return verdict{status: metav1.ConditionFalse, reason: reason, message: message}
}

// stalled is a condition that needs a user.
func stalled(reason, message string) verdict {
	return verdict{status: metav1.ConditionFalse, reason: reason, message: message, stalled: true}
}

func (v verdict) ok() bool   { return v.status == metav1.ConditionTrue }
func (v verdict) none() bool { return v.reason == "" }
