package payload

// Status is what came of a check of an image or a container.
type Status string

// The statuses. A warning does not fail what is checked.
const (
	StatusOK      Status = "ok"
	StatusWarning Status = "warning"
	StatusFailed  Status = "failed"
)

// Finding is one line of a report, and one element of its JSON form. A warning
// and a failure say why, and what to do.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Cure   string `json:"cure,omitempty"`
}
