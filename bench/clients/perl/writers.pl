# Writers by Redis.pm and Redis::Fast. One process is one row: CLIENT, FORM and SETTINGS say which.
use strict;
use warnings;
use Redis;
use Redis::Fast;
use Time::HiRes qw(time sleep);

$| = 1;
my @hosts = split /,/, $ENV{HOSTS};
my ($service, $user, $password) = @ENV{qw(MASTER_NAME USERNAME PASSWORD)};
my ($sentinel_user, $sentinel_password) = @ENV{qw(SENTINEL_USERNAME SENTINEL_PASSWORD)};
my @login = $user ? (username => $user, password => $password) : (password => $password);

my %kinds = (
    "perl-redis sentinel defaults" => sub {
        # settings: perl-redis sentinel defaults
        return Redis->new(
            sentinels => [@hosts], service => $service, @login,
            sentinels_username => $sentinel_user, sentinels_password => $sentinel_password,
        );
        # end
    },
    "perl-redis sentinel recommended" => sub {
        # settings: perl-redis sentinel recommended
        return Redis->new(
            sentinels => [@hosts], service => $service, @login,
            sentinels_username => $sentinel_user, sentinels_password => $sentinel_password,
            sentinels_cnx_timeout => 1, sentinels_read_timeout => 1,
            cnx_timeout => 1, read_timeout => 1, write_timeout => 1,
            reconnect => 20, every => 200_000,    # for 20 s, each 0.2 s
        );
        # end
    },
    "perl-redis primary defaults" => sub {
        # settings: perl-redis primary defaults
        return Redis->new(server => $hosts[0], @login);
        # end
    },
    "perl-redis primary recommended" => sub {
        # settings: perl-redis primary recommended
        return Redis->new(
            server => $hosts[0], @login,
            cnx_timeout => 1, read_timeout => 1, write_timeout => 1,
            reconnect => 20, every => 200_000,    # for 20 s, each 0.2 s
        );
        # end
    },
    "perl-redis-fast sentinel defaults" => sub {
        # settings: perl-redis-fast sentinel defaults
        return Redis::Fast->new(
            sentinels => [@hosts], service => $service,    # no user name: neither here nor for the Sentinels
            password => $password, sentinels_password => $sentinel_password,
        );
        # end
    },
    "perl-redis-fast sentinel recommended" => sub {
        # settings: perl-redis-fast sentinel recommended
        my $login = sub { my ($name, $secret) = @_; sub { $_[0]->auth($name, $secret) } };
        for my $one (@hosts) {
            my $sentinel = eval {
                Redis::Fast->new(server => $one, cnx_timeout => 1, read_timeout => 1,
                    on_connect => $login->($sentinel_user, $sentinel_password));
            } or next;
            my $master = eval { $sentinel->sentinel("get-master-addr-by-name", $service) } or next;
            return Redis::Fast->new(server => "$master->[0]:$master->[1]", cnx_timeout => 1, read_timeout => 1, write_timeout => 1,
                on_connect => $login->($user, $password));
        }
        die "no Sentinel named a master\n";
        # end
    },
    "perl-redis-fast primary defaults" => sub {
        # settings: perl-redis-fast primary defaults
        return Redis::Fast->new(server => $hosts[0], password => $password);
        # end
    },
    "perl-redis-fast primary recommended" => sub {
        # settings: perl-redis-fast primary recommended
        return Redis::Fast->new(
            server => $hosts[0], password => $password,
            cnx_timeout => 1, read_timeout => 1, write_timeout => 1,
            reconnect => 20, every => 200_000,    # for 20 s, each 0.2 s
        );
        # end
    },
);

# What the recommended settings want around each command: a deadline, and a new client for each try.
# settings: perl-redis sentinel recommended
# settings: perl-redis primary recommended
# settings: perl-redis-fast sentinel recommended
# settings: perl-redis-fast primary recommended
sub ride_over {
    my ($client, $make, $command, $seconds) = @_;
    my $deadline = time + $seconds;
    while (1) {
        my $answer = eval { $$client //= $make->(); $command->($$client) };
        return $answer if defined $answer;
        my $error = $@ || "no answer";
        undef $$client;
        die $error if time > $deadline;
        sleep 0.05 + rand 0.45;
    }
}
# end

my $make = $kinds{"$ENV{CLIENT} $ENV{FORM} $ENV{SETTINGS}"};
my $client;
for (my $number = 1; time < $ENV{UNTIL}; $number++) {
    my $start = int(time * 1e6);
    my $told = "ok";
    my $set = sub { $_[0]->set("$ENV{PREFIX}$number", $number) };
    my $done = eval {
        if ($ENV{SETTINGS} eq "recommended") {
            ride_over(\$client, $make, $set, 20);
        } else {
            $client //= $make->();
            my $answer = $set->($client);
            $told = "error answer: undef" unless defined $answer;
        }
        1;
    };
    if (!$done) {
        my $text = ref $@ ? ref $@ : $@;
        $text =~ s/[\r\n]+/ /g;
        $told = "error die: $text";
    }
    printf "%d %d %d %s\n", $start, int(time * 1e6), $number, $told;
    sleep 0.01;
}
