package tamper

import (
	"context"
	"encoding/json"
	"fmt"
)

// Control is the handler of [Operation]: it sets the rules that it is given, or none
// for null, which only asks for the counts.
func (t *Table) Control(_ context.Context, in json.RawMessage) (any, error) {
	if len(in) > 0 && string(in) != "null" {
		var rules []Rule
		if err := json.Unmarshal(in, &rules); err != nil {
			return nil, fmt.Errorf("faults: %w", err)
		}
		if err := t.Set(rules); err != nil {
			return nil, err
		}
	}
	return t.Counts(), nil
}
