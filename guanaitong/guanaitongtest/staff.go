package guanaitongtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Types of an account. The quota's is 4, though its pay_type is 2.
const (
	AccountPoints = 1
	AccountQuota  = 4
)

// authCodeLife is how long an auth code is good, unless it is used before.
const authCodeLife = time.Minute

// Employee is one of the enterprise's employees.
type Employee struct {
	UserID   string // userid, the enterprise's own and lasting
	CorpCode string // corp_code, the staff number
	Mobile   string
	Email    string
	Name     string
	OpenID   string // buyer_open_id
	Accounts []Account
}

// Account is an account of an employee.
type Account struct {
	OpenID     string // account_openid, of this account only
	Name       string
	Type       int // AccountPoints or AccountQuota
	BalanceFen int64
	Invalid    bool // status 2 instead of 1: nothing is paid from it
}

// someEmployee is the one a new platform knows.
func someEmployee() Employee {
	return Employee{
		UserID:   "U0001",
		CorpCode: "0001",
		Mobile:   "13000000000",
		Email:    "han.meimei@example.com",
		Name:     "韩梅梅",
		OpenID:   "0123456789abcdef0123456789abcdef",
		Accounts: []Account{
			{OpenID: "00000000000000000000000000000001", Name: "积分", Type: AccountPoints, BalanceFen: 1000_00},
			{OpenID: "00000000000000000000000000000004", Name: "餐补", Type: AccountQuota, BalanceFen: 500_00},
		},
	}
}

// staff are the employees and the auth codes they were given. The zero staff
// is nobody.
type staff struct {
	employees []*Employee
	codes     map[string]authCode // by code, used ones not
	issued    int
}

type authCode struct {
	userID  string
	expires time.Time
}

// put makes e an employee, in place of the one with its userid.
func (f *staff) put(e Employee) {
	e.Accounts = slices.Clone(e.Accounts)
	if old, err := f.find("userid", e.UserID); err == nil {
		*old = e
		return
	}
	f.employees = append(f.employees, &e)
}

// find returns the employee with this userid, corp_code, mobile or email.
func (f *staff) find(by, value string) (*Employee, error) {
	for _, e := range f.employees {
		if value == map[string]string{"userid": e.UserID, "corp_code": e.CorpCode, "mobile": e.Mobile, "email": e.Email}[by] {
			return e, nil
		}
	}
	return nil, refuse(codeMember, "%s: no such employee", by)
}

// issue makes code an auth code of an employee; "" makes one up.
func (f *staff) issue(userID, code string, now time.Time) string {
	if f.codes == nil {
		f.codes = make(map[string]authCode)
	}
	if code == "" {
		f.issued++
		code = strings.ToUpper(madeUp("auth code", f.issued, 40))
	}
	f.codes[code] = authCode{userID, now.Add(authCodeLife)}
	return code
}

// redeem uses a code up and returns whose it was.
func (f *staff) redeem(code string, now time.Time) (*Employee, error) {
	found, ok := f.codes[code]
	delete(f.codes, code)
	if !ok || !now.Before(found.expires) {
		return nil, refuse(codeAuthCode, "auth_code: unknown, used or expired")
	}
	return f.find("userid", found.userID)
}

// account returns an account by its account_openid, nil if there is none.
func (f *staff) account(openID string) *Account {
	for _, e := range f.employees {
		for i := range e.Accounts {
			if e.Accounts[i].OpenID == openID {
				return &e.Accounts[i]
			}
		}
	}
	return nil
}

// payFrom chooses the account of a payment; openID may be "" if there is only
// one to choose.
func (e *Employee) payFrom(payType int64, openID string) (*Account, error) {
	kind := AccountPoints
	if payType == payQuota {
		kind = AccountQuota
	}
	var found []*Account
	for i := range e.Accounts {
		a := &e.Accounts[i]
		if a.Type == kind && !a.Invalid && (openID == "" || a.OpenID == openID) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return nil, refuse(codeAccountType, "account_openid: the employee has no such account for pay_type %d", payType)
	case 1:
		return found[0], nil
	}
	return nil, refuse(codeMissing, "account_openid: missing, the employee has several accounts")
}

// SetEmployee makes e an employee, in place of the one with the same UserID. A
// new platform has one: UserID U0001, CorpCode 0001, Mobile 13000000000, Email
// han.meimei@example.com, 1000 yuan in points and one quota account with 500.
func (s *Server) SetEmployee(e Employee) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staff.put(e)
}

// Employee returns the employee with this userid, with the balances of now.
func (s *Server) Employee(userID string) (Employee, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.staff.find("userid", userID)
	if err != nil {
		return Employee{}, false
	}
	page := *e
	page.Accounts = slices.Clone(e.Accounts)
	return page, true
}

// AuthCode gives an employee a new auth code, as trust login does. It is good
// for one payment within a minute by the platform's clock.
func (s *Server) AuthCode(userID string) (code string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.staff.find("userid", userID); err != nil {
		return "", fmt.Errorf("guanaitongtest: %w", err)
	}
	return s.staff.issue(userID, "", s.clock.Now()), nil
}

// SetAuthCode is [Server.AuthCode] with a code of the test's choice.
func (s *Server) SetAuthCode(userID, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.staff.find("userid", userID); err != nil {
		return fmt.Errorf("guanaitongtest: %w", err)
	}
	s.staff.issue(userID, code, s.clock.Now())
	return nil
}
