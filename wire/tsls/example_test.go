package tsls_test

import (
	"fmt"

	"github.com/tslab/tslab/wire/tsls"
)

func Example() {
	b, err := tsls.Append(nil, tsls.Licenses{After: "LAB-1", Limit: 100})
	fmt.Printf("%x %v\n", b, err)
	m, err := tsls.Parse(b)
	fmt.Printf("%v %+v %v\n", m.Type(), m, err)
	_, err = tsls.Parse(b[:4])
	fmt.Println(err)
	// Output:
	// 1405004c41422d316400 <nil>
	// Licenses {After:LAB-1 Limit:100} <nil>
	// Licenses: after at offset 3: truncated: need 5 bytes, have 1
}
