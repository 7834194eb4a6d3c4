-- What Meridian Desk sells and has sold. Runs once on an empty database that already holds `settings`, with today's
-- date in it; every other date below is relative to it, so that the sample requests make sense on any day.
--
-- Prices are whole units of the departure country's currency, per seat, one way. All flights leave between 15:00 and
-- 23:00, so a seat for today can still be sold. Prices and seats look random but follow from the route and the day
-- alone: the same today gives the same database, byte for byte.

CREATE TABLE rates (
    currency TEXT PRIMARY KEY,
    inr      TEXT NOT NULL,          -- Indian rupees for one unit. FIXED SAMPLE RATES, not market rates.
    step     INTEGER NOT NULL        -- fares are rounded to this many units
) STRICT;

INSERT INTO rates VALUES
    ('INR', '1', 10), ('USD', '84', 1), ('EUR', '91', 1), ('GBP', '107', 1), ('AED', '22.9', 5), ('SGD', '63', 1),
    ('JPY', '0.56', 100), ('THB', '2.45', 10), ('IDR', '0.0054', 1000), ('BRL', '15', 5), ('AUD', '55', 1),
    ('CAD', '61', 1), ('CHF', '95', 1);

CREATE TABLE cities (
    code     TEXT PRIMARY KEY,       -- IATA
    name     TEXT NOT NULL UNIQUE,
    currency TEXT NOT NULL REFERENCES rates
) STRICT;

INSERT INTO cities VALUES
    ('BOM', 'Mumbai', 'INR'), ('DEL', 'Delhi', 'INR'), ('BLR', 'Bengaluru', 'INR'), ('GOI', 'Goa', 'INR'),
    ('MAA', 'Chennai', 'INR'), ('CCU', 'Kolkata', 'INR'), ('DPS', 'Bali', 'IDR'), ('SIN', 'Singapore', 'SGD'),
    ('DXB', 'Dubai', 'AED'), ('LHR', 'London', 'GBP'), ('JFK', 'New York', 'USD'), ('CDG', 'Paris', 'EUR'),
    ('HND', 'Tokyo', 'JPY'), ('BKK', 'Bangkok', 'THB'), ('GRU', 'São Paulo', 'BRL');

CREATE TABLE aliases (               -- besides name and code; compared without case, accents and punctuation
    alias TEXT PRIMARY KEY,
    code  TEXT NOT NULL REFERENCES cities
) STRICT;

INSERT INTO aliases VALUES
    ('bombay', 'BOM'), ('navi mumbai', 'BOM'), ('new delhi', 'DEL'), ('dilli', 'DEL'), ('delhi ncr', 'DEL'),
    ('bangalore', 'BLR'), ('blore', 'BLR'), ('panaji', 'GOI'), ('panjim', 'GOI'), ('north goa', 'GOI'),
    ('madras', 'MAA'), ('calcutta', 'CCU'), ('denpasar', 'DPS'), ('ubud', 'DPS'), ('indonesia', 'DPS'),
    ('singapur', 'SIN'), ('dubay', 'DXB'), ('uae', 'DXB'), ('heathrow', 'LHR'), ('england', 'LHR'), ('uk', 'LHR'),
    ('nyc', 'JFK'), ('new york city', 'JFK'), ('manhattan', 'JFK'), ('paree', 'CDG'), ('france', 'CDG'),
    ('haneda', 'HND'), ('japan', 'HND'), ('thailand', 'BKK'), ('krung thep', 'BKK'), ('sampa', 'GRU'),
    ('brazil', 'GRU');

CREATE TABLE routes (
    id          INTEGER PRIMARY KEY,
    origin      TEXT NOT NULL REFERENCES cities,
    destination TEXT NOT NULL REFERENCES cities,
    inr         INTEGER NOT NULL,    -- the fare on an ordinary day
    daily       INTEGER NOT NULL,    -- flights a day
    UNIQUE (origin, destination)
) STRICT;

WITH pairs (a, b, inr, daily) AS (VALUES
    ('BOM', 'DEL', 4800, 2), ('BOM', 'BLR', 3900, 2), ('BOM', 'GOI', 3200, 2), ('BOM', 'MAA', 4300, 2),
    ('BOM', 'CCU', 5200, 2), ('BOM', 'DPS', 14500, 1), ('BOM', 'SIN', 13800, 1), ('BOM', 'DXB', 11500, 2),
    ('BOM', 'LHR', 38000, 1), ('BOM', 'JFK', 56000, 1), ('BOM', 'CDG', 36500, 1), ('BOM', 'HND', 33000, 1),
    ('BOM', 'BKK', 12200, 1), ('BOM', 'GRU', 72000, 1),
    ('DEL', 'BLR', 5600, 2), ('DEL', 'GOI', 5400, 1), ('DEL', 'LHR', 36000, 1), ('DEL', 'DXB', 12500, 1),
    ('DEL', 'SIN', 16200, 1), ('DEL', 'BKK', 13400, 1), ('DEL', 'JFK', 54000, 1), ('BLR', 'GOI', 2900, 1),
    ('BLR', 'SIN', 14900, 1), ('BLR', 'MAA', 2600, 1), ('MAA', 'SIN', 11800, 1), ('DXB', 'LHR', 30500, 1),
    ('LHR', 'JFK', 34500, 1), ('LHR', 'CDG', 8200, 1), ('CDG', 'JFK', 36000, 1), ('SIN', 'DPS', 9400, 1),
    ('SIN', 'HND', 24500, 1), ('BKK', 'SIN', 8800, 1)
)
INSERT INTO routes (origin, destination, inr, daily)
SELECT a, b, inr, daily FROM pairs UNION ALL SELECT b, a, inr, daily FROM pairs;

CREATE TABLE flights (
    id      INTEGER PRIMARY KEY,
    number  TEXT NOT NULL,           -- "MD 107"
    route   INTEGER NOT NULL REFERENCES routes,
    day     TEXT NOT NULL,           -- local date of departure, ISO 8601
    departs TEXT NOT NULL,           -- local time, HH:MM
    price   INTEGER NOT NULL CHECK (price > 0),
    seats   INTEGER NOT NULL CHECK (seats >= 0),
    UNIQUE (route, day, departs)
) STRICT;

WITH RECURSIVE
calendar (day, ahead) AS (
    SELECT date(today, '-10 days'), -10 FROM settings
    UNION ALL
    SELECT date(day, '+1 day'), ahead + 1 FROM calendar WHERE ahead < 400
),
departures AS (
    SELECT r.id AS route, r.inr, d.day, d.ahead, slot.n AS slot, rates.inr AS rate, rates.step,
           CAST(strftime('%w', d.day) AS INTEGER) AS weekday, strftime('%m-%d', d.day) AS season,
           -- Knuth's multiplicative hash of route, day and slot: two independent-looking numbers
           ((CAST(julianday(d.day) AS INTEGER) * 131 + r.id * 7919 + slot.n * 524287) * 2654435761 >> 16) % 1000 AS luck,
           ((CAST(julianday(d.day) AS INTEGER) * 257 + r.id * 6007 + slot.n * 131071) * 2654435761 >> 16) % 11 AS wobble
    FROM calendar AS d
    CROSS JOIN routes AS r
    JOIN (SELECT 1 AS n UNION ALL SELECT 2) AS slot ON slot.n <= r.daily
    JOIN cities ON cities.code = r.origin
    JOIN rates USING (currency)
),
fares AS (
    SELECT *,
           inr
           * CASE weekday WHEN 0 THEN 1.12 WHEN 5 THEN 1.12 WHEN 6 THEN 1.10 WHEN 2 THEN 0.92 WHEN 3 THEN 0.92 ELSE 1.0 END
           * CASE WHEN season >= '12-18' OR season <= '01-04' THEN 1.20 WHEN season BETWEEN '05-01' AND '06-15' THEN 1.10
                  ELSE 1.0 END
           * CASE WHEN ahead < 3 THEN 1.10 WHEN ahead < 14 THEN 1.04 ELSE 1.0 END
           * (0.95 + wobble / 100.0)
           * CASE slot WHEN 2 THEN 0.97 ELSE 1.0 END / rate AS fare
    FROM departures
)
INSERT INTO flights (number, route, day, departs, price, seats)
SELECT 'MD ' || (100 + route * 2 + slot - 1), route, day,
       printf('%02d:%02d', CASE slot WHEN 1 THEN 15 ELSE 19 END + route % 4, route * 7 % 12 * 5),
       max(step, CAST(round(fare / step) AS INTEGER) * step),
       CASE WHEN luck < 25 THEN 0 WHEN luck < 50 THEN 1 WHEN luck < 80 THEN 2 ELSE 9 + luck % 40 END
FROM fares ORDER BY day, route, slot;

CREATE INDEX flights_by_day ON flights (day, route);

-- Days that the sample requests name.
UPDATE flights SET seats = 0 WHERE day = (SELECT date(today, '+1 day') FROM settings)
    AND route = (SELECT id FROM routes WHERE origin = 'BOM' AND destination = 'HND');
UPDATE flights SET seats = 0 WHERE strftime('%m-%d', day) = '12-31'
    AND route = (SELECT id FROM routes WHERE origin = 'BOM' AND destination = 'GOI');
UPDATE flights SET seats = 2 WHERE day = (SELECT date(today, '+14 days') FROM settings)
    AND route = (SELECT id FROM routes WHERE origin = 'BOM' AND destination = 'CDG');
UPDATE flights SET seats = max(seats, 9) WHERE day BETWEEN (SELECT today FROM settings)
    AND (SELECT date(today, '+6 days') FROM settings)
    AND route = (SELECT id FROM routes WHERE origin = 'BOM' AND destination = 'DPS');

CREATE TABLE bookings (
    reference TEXT PRIMARY KEY,
    flight    INTEGER NOT NULL REFERENCES flights,
    seats     INTEGER NOT NULL CHECK (seats BETWEEN 1 AND 9),
    price     INTEGER NOT NULL,      -- paid for all seats, in the currency of the flight
    status    TEXT NOT NULL CHECK (status IN ('booked', 'cancelled')),
    key       TEXT NOT NULL UNIQUE   -- idempotency: the same key never books twice
) STRICT;

CREATE TABLE changes (               -- everything that happened to a booking after it was made
    key        TEXT PRIMARY KEY,     -- idempotency
    kind       TEXT NOT NULL CHECK (kind IN ('change', 'cancel')),
    reference  TEXT NOT NULL REFERENCES bookings,
    old_flight INTEGER NOT NULL REFERENCES flights,
    new_flight INTEGER REFERENCES flights,
    fee        TEXT NOT NULL,        -- what the customer pays for it, in `currency`
    difference TEXT NOT NULL,        -- fare difference charged on a change, or money given back on a cancellation
    currency   TEXT NOT NULL REFERENCES rates
) STRICT;

CREATE TABLE tickets (
    number    INTEGER PRIMARY KEY,
    reference TEXT,                  -- as the customer gave it; may be none of ours
    amount    TEXT,                  -- "5000 INR", as the customer gave it
    complaint TEXT NOT NULL,
    key       TEXT NOT NULL UNIQUE
) STRICT;

-- Bookings made before today, for the sample requests.
WITH made (reference, origin, destination, ahead, seats, status) AS (VALUES
    ('MD7K2Q', 'BOM', 'GOI', 20, 2, 'booked'),
    ('MDR4XT', 'BOM', 'DEL', 1, 1, 'booked'),       -- within 48 hours
    ('MD9WLP', 'BOM', 'SIN', 45, 1, 'booked'),
    ('MDH3VN', 'DEL', 'LHR', 10, 2, 'booked'),
    ('MD2QZ8', 'BOM', 'DXB', -6, 1, 'booked'),      -- departed
    ('MDB6YC', 'BOM', 'LHR', 60, 1, 'cancelled'),
    ('MDT5KF', 'BLR', 'GOI', 5, 3, 'booked'),
    ('MDX8MJ', 'BOM', 'DPS', 33, 2, 'booked'),
    ('MDN4GS', 'LHR', 'BOM', 25, 1, 'booked'),      -- paid in GBP
    ('MDC7DV', 'BOM', 'BKK', -2, 2, 'booked'),      -- departed
    ('MDL2HW', 'BOM', 'JFK', 90, 4, 'booked'),
    ('MDP9RB', 'BOM', 'MAA', 0, 1, 'booked'),       -- leaves today
    ('MDV3TE', 'DXB', 'BOM', 14, 1, 'booked'),      -- paid in AED
    ('MDJ5QN', 'BOM', 'CDG', 2, 1, 'booked'),       -- the last day of free cancellation
    ('MDK6RS', 'BOM', 'SIN', 40, 1, 'booked'),
    ('MDF8TU', 'BOM', 'JFK', 75, 2, 'booked'),
    ('MDW2YA', 'BLR', 'GOI', 18, 2, 'booked'),
    ('MDE7PB', 'BOM', 'DXB', 9, 1, 'booked'),       -- a change costs the fee
    ('MDG4CE', 'BOM', 'DEL', 12, 1, 'booked'),
    ('MDY3HD', 'DEL', 'BOM', 8, 1, 'booked'),
    ('MDS9NF', 'BOM', 'BKK', 50, 2, 'booked')
)
INSERT INTO bookings
SELECT made.reference, f.id, made.seats, made.seats * f.price, made.status, 'sample:' || made.reference
FROM made
JOIN routes AS r USING (origin, destination)
JOIN settings
JOIN flights AS f ON f.route = r.id AND f.day = date(settings.today, made.ahead || ' days')
    AND f.number = 'MD ' || (100 + r.id * 2);
