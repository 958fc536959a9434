/* Configures the kernel's MCTP, which no tool of Debian does:
 *
 *   setup up LINK             the link goes up
 *   setup address LINK EID    an endpoint ID of ours
 *   setup route LINK EID      where another endpoint is
 *   setup attach TTY          makes a serial line a link, as long as this runs
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define FAMILY_MCTP 45
#define DISCIPLINE_MCTP 28

static struct {
	struct nlmsghdr header;
	char body[128];
} request;

static void *body(unsigned short type, unsigned flags, size_t len)
{
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	request.header.nlmsg_len = NLMSG_LENGTH(len);
	return NLMSG_DATA(&request.header);
}

static void attribute(unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)&request + NLMSG_ALIGN(request.header.nlmsg_len));
	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	request.header.nlmsg_len = NLMSG_ALIGN(request.header.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static int transact(void)
{
	char answer[4096];
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (s < 0 || send(s, &request, request.header.nlmsg_len, 0) < 0)
		return errno;
	ssize_t len = recv(s, answer, sizeof answer, 0);
	struct nlmsghdr *header = (void *)answer;
	if (len < 0 || !NLMSG_OK(header, len) || header->nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -((struct nlmsgerr *)NLMSG_DATA(header))->error;
}

static int attach(const char *tty)
{
	struct termios raw;
	int discipline = DISCIPLINE_MCTP;
	int fd = open(tty, O_RDWR | O_NOCTTY);
	if (fd < 0 || tcgetattr(fd, &raw))
		return errno;
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL;
	cfsetspeed(&raw, B115200);
	if (tcsetattr(fd, TCSANOW, &raw) || ioctl(fd, TIOCSETD, &discipline))
		return errno;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int error = EINVAL;
	const char *verb = argc > 1 ? argv[1] : "", *link = argc > 2 ? argv[2] : "";
	int index = if_nametoindex(link);
	unsigned char eid = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;

	if (!strcmp(verb, "attach")) {
		error = attach(link);
	} else if (!index) {
		error = ENODEV;
	} else if (!strcmp(verb, "up")) {
		struct ifinfomsg *m = body(RTM_NEWLINK, 0, sizeof *m);
		m->ifi_index = index;
		m->ifi_flags = m->ifi_change = IFF_UP;
		error = transact();
	} else if (!strcmp(verb, "address")) {
		struct ifaddrmsg *m = body(RTM_NEWADDR, 0, sizeof *m);
		m->ifa_family = FAMILY_MCTP;
		m->ifa_index = index;
		attribute(IFA_LOCAL, &eid, 1);
		error = transact();
	} else if (!strcmp(verb, "route")) {
		struct rtmsg *m = body(RTM_NEWROUTE, NLM_F_CREATE, sizeof *m);
		m->rtm_family = FAMILY_MCTP;
		m->rtm_type = RTN_UNICAST;
		attribute(RTA_DST, &eid, 1);
		attribute(RTA_OIF, &index, sizeof index);
		error = transact();
	}
	if (error)
		fprintf(stderr, "setup %s %s: %s\n", verb, link, strerror(error));
	return error != 0;
}
