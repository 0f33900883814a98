from __future__ import annotations

import pytest

from pathprobe.layers.listening.secrets import masked


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("shop --password=S3cret -v", "shop --password=*** -v"),
        ("shop --password S3cret -v", "shop --password *** -v"),
        ("redis-server --requirepass S3cret *:6379", "redis-server --requirepass *** *:6379"),
        ("env MYSQL_ROOT_PASSWORD=S3cret mysqld", "env MYSQL_ROOT_PASSWORD=*** mysqld"),
        ("java -Dspring.datasource.password=S3cret -jar a.jar", "java -Dspring.datasource.password=*** -jar a.jar"),
        ("shop --api-key=S3cret --accessToken S3cret", "shop --api-key=*** --accessToken ***"),
        ("shop --client-secret:S3cret", "shop --client-secret:***"),
        ('shop {"password":"S3cret"}', 'shop {"password":***'),
        ("shop postgres://ann:S3cret@db:5432/shop", "shop postgres://ann:***@db:5432/shop"),
        ("shop --db=postgres://ann:p@ss@db/shop", "shop --db=postgres://ann:***@db/shop"),
        ("curl http://x/y?access_token=S3cret", "curl http://x/y?access_token=***"),
        ("shop --password --verbose", "shop --password --verbose"),
        ("shop --password=", "shop --password="),
        ("shop --password-file=/run/p --keystore /etc/k", "shop --password-file=/run/p --keystore /etc/k"),
        ("java -cp /opt/keycloak/a.jar:/opt/b.jar", "java -cp /opt/keycloak/a.jar:/opt/b.jar"),
        ("mysqld -p 3306 --port=8080", "mysqld -p 3306 --port=8080"),
        ("docker-proxy -host-ip 0.0.0.0 -host-port 8080", "docker-proxy -host-ip 0.0.0.0 -host-port 8080"),
        ("shop http://ann@db/ [::]:8080", "shop http://ann@db/ [::]:8080"),
        ("", ""),
    ],
)
def test_what_clear_words_call_a_secret_is_masked(words: str, shown: str) -> None:
    assert " ".join(masked(words.split(" "))) == shown
    assert " ".join(masked(shown.split(" "))) == shown
