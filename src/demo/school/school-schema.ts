/** The online school's two databases: sales in `school_main`, teaching in `school_ops`. */
export const schoolDatabases = ['school_main', 'school_ops'] as const;

/**
 * No foreign keys, as in most sharded shops: an order may be there before its student, which the
 * warehouse must get right.
 */
export const schoolTables: readonly string[] = [
  `CREATE TABLE school_main.channels (
    id SMALLINT UNSIGNED PRIMARY KEY,
    name VARCHAR(40) NOT NULL,
    kind ENUM('organic', 'ads', 'referral', 'partner') NOT NULL,
    monthly_cost DECIMAL(12,2) NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT TRUE
  )`,
  `CREATE TABLE school_main.students (
    id INT UNSIGNED PRIMARY KEY,
    name VARCHAR(60) NOT NULL,
    grade TINYINT UNSIGNED NOT NULL,
    city VARCHAR(40) NULL,
    channel_id SMALLINT UNSIGNED NULL COMMENT 'how the student came to us; NULL when unknown',
    profile JSON NULL,
    registered_at DATETIME(3) NOT NULL,
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
  )`,
  `CREATE TABLE school_main.courses (
    id SMALLINT UNSIGNED PRIMARY KEY,
    name VARCHAR(80) NOT NULL,
    subject ENUM('math', 'english', 'physics', 'coding') NOT NULL,
    grade TINYINT UNSIGNED NOT NULL,
    list_price DECIMAL(10,2) NOT NULL,
    description TEXT NULL
  )`,
  `CREATE TABLE school_main.terms (
    id SMALLINT UNSIGNED PRIMARY KEY,
    name VARCHAR(20) NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    next_term_id SMALLINT UNSIGNED NULL
  )`,
  `CREATE TABLE school_main.classes (
    id INT UNSIGNED PRIMARY KEY,
    course_id SMALLINT UNSIGNED NOT NULL,
    term_id SMALLINT UNSIGNED NOT NULL,
    name VARCHAR(80) NOT NULL,
    capacity SMALLINT UNSIGNED NOT NULL,
    lesson_time TIME NOT NULL,
    room VARCHAR(40) NULL
  )`,
  `CREATE TABLE school_main.orders (
    id BIGINT UNSIGNED PRIMARY KEY,
    student_id INT UNSIGNED NOT NULL,
    status ENUM('pending', 'paid', 'refunded', 'cancelled') NOT NULL,
    total DECIMAL(12,2) NOT NULL,
    note TEXT NULL,
    created_at DATETIME(3) NOT NULL,
    paid_at DATETIME(3) NULL,
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    KEY (student_id)
  )`,
  `CREATE TABLE school_main.order_items (
    id BIGINT UNSIGNED PRIMARY KEY,
    order_id BIGINT UNSIGNED NOT NULL,
    class_id INT UNSIGNED NOT NULL,
    price DECIMAL(10,2) NOT NULL,
    discount DECIMAL(10,2) NOT NULL DEFAULT 0,
    KEY (order_id)
  )`,
  `CREATE TABLE school_main.refunds (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    order_item_id BIGINT UNSIGNED NOT NULL,
    amount DECIMAL(10,2) NOT NULL,
    reason VARCHAR(100) NULL,
    refunded_at DATETIME(3) NOT NULL,
    KEY (order_item_id)
  )`,
  `CREATE TABLE school_ops.teacher_groups (
    id SMALLINT UNSIGNED PRIMARY KEY,
    name VARCHAR(40) NOT NULL,
    leader VARCHAR(60) NULL
  )`,
  `CREATE TABLE school_ops.teachers (
    id INT UNSIGNED PRIMARY KEY,
    name VARCHAR(60) NOT NULL,
    group_id SMALLINT UNSIGNED NOT NULL,
    title ENUM('teacher', 'senior', 'master') NOT NULL,
    hourly_rate DECIMAL(8,2) NOT NULL,
    hired_on DATE NOT NULL
  )`,
  `CREATE TABLE school_ops.class_teachers (
    class_id INT UNSIGNED PRIMARY KEY,
    teacher_id INT UNSIGNED NOT NULL,
    assigned_at DATETIME(3) NOT NULL
  )`,
  `CREATE TABLE school_ops.lessons (
    id INT UNSIGNED PRIMARY KEY,
    class_id INT UNSIGNED NOT NULL,
    number TINYINT UNSIGNED NOT NULL,
    starts_at DATETIME NOT NULL
  )`,
  `CREATE TABLE school_ops.attendance (
    lesson_id INT UNSIGNED NOT NULL,
    student_id INT UNSIGNED NOT NULL,
    status ENUM('present', 'late', 'absent') NOT NULL,
    minutes SMALLINT UNSIGNED NULL,
    score FLOAT NULL COMMENT 'of the quiz at the end, 0 to 1',
    joined_at DATETIME(3) NULL,
    PRIMARY KEY (lesson_id, student_id)
  )`,
];
